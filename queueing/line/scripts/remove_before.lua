-- Removes people from the line whose position is before the front, whatever became of them. KEYS:
-- waiting, due and asked (keys.py). ARGV: the front, and how many to remove at most. Returns how
-- many were removed; fewer than asked for when none is left. Guarantees: a person disappears from
-- all three keys at once; those at the front and after it are not touched.

local found = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2],
    'WITHSCORES')
local people, positions = {}, {}
for i = 1, #found, 2 do
    people[#people + 1] = found[i]
    positions[#positions + 1] = found[i + 1]
end
if #people > 0 then
    redis.call('ZREM', KEYS[1], unpack(people))
    redis.call('ZREM', KEYS[2], unpack(positions))
    redis.call('HDEL', KEYS[3], unpack(positions))
end
return #people
