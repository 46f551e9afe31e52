-- Answers a poll and notes when the person asked. KEYS: the room's waiting, due, asked, inside and
-- room (keys.py), the user's counter of polls, the address's, and optionally a session of the cache
-- that must be the user's. ARGV: the person, a random number in 0..1, the limits of the two
-- counters, the run_id of this Redis process, the user's id, '1' for a client that watches the front
-- or '', and optionally the position of a join that has committed. Returns {'waiting' | 'inside' | 'over', position, ahead, expires_at or false,
-- seconds until the next poll, fields of room}; or {'often', seconds}, {'stranger'} without the
-- session, {'absent'} without an index that can be trusted, {'unknown'} for a person who is not in
-- it. Guarantees: a poll that is refused notes nothing; an index that was built in another Redis
-- process is not believed; with a position the person is in the index afterwards, unless the line
-- has passed that position, and the request is not counted.

-- include poll_after
-- include is_session_of
-- include too_often

if KEYS[8] and not is_session_of(KEYS[8], ARGV[6]) then return {'stranger'} end
local wait = not ARGV[8] and (too_often(KEYS[6], ARGV[3]) or too_often(KEYS[7], ARGV[4]))
if wait then return {'often', wait} end
local room = redis.call('HMGET', KEYS[5],
    'slug', 'state', 'opens_at', 'fast', 'slow', 'free', 'undrawn', 'seats_left', 'server')
-- An index that was built in a Redis process that has ended may be older than it was.
if room[9] ~= ARGV[5] then return {'absent'} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local person = ARGV[1]
local admission = redis.call('HGET', KEYS[4], person)
if admission then
    local position, expires_at = string.match(admission, '(%d+) (%d+)')
    if tonumber(expires_at) <= now then return {'unknown'} end
    return {'inside', position, 0, expires_at, SOONEST_POLL, room}
end
local position = redis.call('ZSCORE', KEYS[1], person)
if not position then
    if not ARGV[8] or tonumber(ARGV[8]) < tonumber(redis.call('HGET', KEYS[5], 'front')) then
        return {'unknown'}
    end
    position = ARGV[8]
    redis.call('ZADD', KEYS[1], position, person)
end
-- Ticks end the tokens of a closed room in batches; the people who still wait are told at once.
if room[2] == 'CLOSED' then return {'over', position, 0, false, LATEST_POLL, room} end
local ahead = redis.call('ZRANK', KEYS[1], person)
local undrawn = room[7] == '1'
local after = poll_after(ahead, now, room[2], tonumber(room[3]), tonumber(room[5]), undrawn,
    undrawn and redis.call('ZCARD', KEYS[1]) or 0, ARGV[7] == '1', tonumber(ARGV[2]))
redis.call('ZADD', KEYS[2], now + after * 1000, position)
redis.call('HSET', KEYS[3], position, now)
return {'waiting', position, ahead, false, after, room}
