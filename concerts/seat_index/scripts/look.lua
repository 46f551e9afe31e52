-- Tells a reader which snapshot is the present one. KEYS: the schedule's four (keys.py), the user's
-- own changes, held_lately; and for a person whom the table has not let in: the room's inside and
-- room (queueing/line/keys.py), a session of the cache that must be the user's, the user's counter
-- of requests. ARGV: the run_id of this Redis process, the ages in ms from which a snapshot is
-- rebuilt if a seat changed, is rebuilt anyway, and is too old to be used; and for such a person
-- the user's id, the person as in the line, the limit of the counter. Returns {'seats', id or
-- false, built_at, now, 1 for the builder, 1 for a user who held seats lately, own changes,
-- read_at}, times in ms since 1970; or {'stranger'} without the session, {'outside'} for a person whom the index
-- does not let in, {'often', seconds}. Guarantees: only a person who is let in is counted; id is
-- false for a snapshot of another epoch or Redis process; one reader at a time is the builder,
-- except of a snapshot that is missing or too old: all build that.

-- include is_session_of
-- include too_often

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if KEYS[7] then
    if not is_session_of(KEYS[9], ARGV[5]) then return {'stranger'} end
    local has_index = redis.call('HGET', KEYS[8], 'server') == ARGV[1]
    local admission = has_index and redis.call('HGET', KEYS[7], ARGV[6])
    local expires_at = admission and string.match(admission, '%d+ (%d+)')
    if not expires_at or tonumber(expires_at) <= now then return {'outside'} end
    local wait = too_often(KEYS[10], ARGV[7])
    if wait then return {'often', wait} end
end

local function takes_turn(key) return redis.call('SET', key, 1, 'NX', 'PX', 1000) end
local function begins(text, start) return string.sub(text, 1, #start) == start end

local epoch = redis.call('GET', KEYS[2])
local id, its_epoch, built_for, built_at, read_at = unpack(
    redis.call('HMGET', KEYS[1], 'id', 'epoch', 'built_for', 'built_at', 'read_at'))
id = epoch and its_epoch == epoch and begins(epoch, ARGV[1]) and id
local builds = 1
if id and now - built_at < tonumber(ARGV[4]) then
    local age = now - built_at
    local has_changed = tonumber(redis.call('GET', KEYS[3]) or 0) > tonumber(built_for)
    local is_due = age >= tonumber(ARGV[3]) or (has_changed and age >= tonumber(ARGV[2]))
    builds = is_due and takes_turn(KEYS[4]) and 1 or 0
end
return {'seats', id, built_at, now, builds, redis.call('EXISTS', KEYS[6]),
    redis.call('HGETALL', KEYS[5]), read_at}
