// Permanent logical slots with real servers: made on the primary, copied to a standby, moved on there.

import Logging
import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct LogicalSlotTests {
    @Test func `bytes are read from their digits`() {
        #expect(LogicalSlotCopy.bytes(hexadecimal: "00ffA7") == [0, 255, 0xA7])
        #expect(LogicalSlotCopy.bytes(hexadecimal: "0") == nil)
        #expect(LogicalSlotCopy.bytes(hexadecimal: "0x") == nil)
        #expect(LogicalSlotCopy.bytes(hexadecimal: "") == [])
    }
}
