// patronictl: everything is in PatroniControl.

import PatroniControl

await ControlProgram.main()
