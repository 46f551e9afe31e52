-- Sets fields of a room's record. KEYS: room (keys.py). ARGV: the run_id of the Redis process whose
-- index is meant, empty for any; then field and value in turns. Returns the number of new fields.
-- Guarantees: an index that was dropped meanwhile, or built by another Redis process, is left alone,
-- so that no record appears without the people who belong to it.

local server = redis.call('HGET', KEYS[1], 'server')
if not server or (ARGV[1] ~= '' and server ~= ARGV[1]) then return 0 end
return redis.call('HSET', KEYS[1], unpack(ARGV, 2))
