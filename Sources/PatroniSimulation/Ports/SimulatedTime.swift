// A member's clocks and timers, in virtual time.

import PatroniCore
import PatroniPlatform

struct SimulatedTime: TimeSource {
    let world: World
    let life: Int

    private var own: Life { world.lives[life] }

    var now: Moment {
        let own = own
        return own.isDead ? own.ghostNow : world.members[own.member].clock.local(world.now)
    }

    var wallTime: WallTime { world.members[own.member].clock.wall(world.now) }

    func alarm(at deadline: Moment, _ ring: @escaping @Sendable () -> Void) -> Alarm {
        let own = own
        // A dead agent's time passes only while it waits.
        if own.isDead { return sleeper(deadline, ring) }
        let number = world.setAlarm(own, at: world.members[own.member].clock.global(deadline), ring)
        return Alarm { [world, life] in _ = world.lives[life].redeem(number) }
    }

    func sleep(until deadline: Moment) async {
        let own = own
        if own.isDead {
            own.ghostNow = max(own.ghostNow + .milliseconds(1), min(deadline, own.ghostNow + .seconds(3600)))
            await world.haunt(own)
            return
        }
        let end = world.members[own.member].clock.global(deadline)
        if end <= world.now { return }
        await world.waitUnlessCancelled(own, otherwise: ()) { number in
            world.at(end) { world.answer(own, number, ()) }
        }
    }
}
