-- Begins to build a snapshot, before the database is read. KEYS: the schedule's four (keys.py).
-- ARGV: the run_id of this Redis process, a random text for a new epoch. Returns {epoch, the number
-- of the last change, now in ms since 1970, id and cursor of the present snapshot or false}.
-- Guarantees: there is an epoch of this Redis process afterwards.

local epoch = redis.call('GET', KEYS[2])
if not epoch or string.sub(epoch, 1, #ARGV[1]) ~= ARGV[1] then
    epoch = ARGV[1] .. ARGV[2]
    redis.call('SET', KEYS[2], epoch)
end
redis.call('EXPIRE', KEYS[2], 86400)
local time = redis.call('TIME')
local id, its_epoch, cursor = unpack(redis.call('HMGET', KEYS[1], 'id', 'epoch', 'cursor'))
if its_epoch ~= epoch then id, cursor = false, false end
return {epoch, redis.call('GET', KEYS[3]) or '0',
    time[1] * 1000 + math.floor(time[2] / 1000), id, cursor}
