-- Stores the snapshot that was built. KEYS: the schedule's four (keys.py). ARGV: the run_id of this
-- Redis process, the epoch in which the builder began, the id of the snapshot that was the present
-- one then (empty if there was none), the new id, built_for, built_at, cursor, read_at, seats (empty
-- if they are those of the present snapshot). Returns 'stored', or 'lost' or 'overtaken' when
-- nothing was stored. Guarantees: a builder that began before a flush, or in another Redis process,
-- stores nothing; of two that began at the same snapshot, one stores its own.

redis.call('DEL', KEYS[4])
local epoch = redis.call('GET', KEYS[2])
if epoch ~= ARGV[2] or string.sub(epoch, 1, #ARGV[1]) ~= ARGV[1] then return 'lost' end
local id, its_epoch = unpack(redis.call('HMGET', KEYS[1], 'id', 'epoch'))
if its_epoch ~= epoch then id = false end
if (id or '') ~= ARGV[3] then return 'overtaken' end
redis.call('HSET', KEYS[1], 'id', ARGV[4], 'epoch', epoch, 'built_for', ARGV[5],
    'built_at', ARGV[6], 'cursor', ARGV[7], 'read_at', ARGV[8])
if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'seats', ARGV[9]) end
redis.call('EXPIRE', KEYS[1], 3600)
return 'stored'
