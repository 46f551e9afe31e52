-- In how many seconds a person is to poll again, a whole number. `ahead` people are before them,
-- of `in_line` in all; `now` and `opens_at` are in ms since 1970; `slow` is the slowest pace of the
-- room in people a second; `undrawn` while the room has yet to draw its lots; `watches` for a client
-- that watches the front of the line; `chance` is a random number in 0..1 that spreads the buyers who
-- came at the same moment. The rule and its constants are explained in poll_interval.py.
local function poll_after(ahead, now, state, opens_at, slow, undrawn, in_line, watches, chance)
    local wait = ahead / math.max(POLLS_SPREAD, slow)
    if undrawn then wait = in_line / POLLS_BEFORE_DRAW end
    if state == 'SCHEDULED' then
        wait = math.max(wait, math.min((opens_at - now) / 2000, 60))
    end
    -- Before the draw there is no front to watch.
    local soonest = watches and not undrawn and HEARTBEAT or SOONEST_POLL
    wait = math.max(soonest, math.min(wait, LATEST_POLL))
    return math.floor(wait * (0.75 + chance / 4) + chance * 997 % 1)
end
