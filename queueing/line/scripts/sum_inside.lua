-- Counts the people inside and sums over them, to compare the index with the table. KEYS: inside
-- (keys.py). No ARGV. Returns {count, sum of position + expires_at % 10^9 as text}. Guarantees: two
-- lists of the same length have the same sum only if they are the same, but for a coincidence; the
-- query in services/following.py computes the same.

local count, sum = 0, 0
for _, admission in ipairs(redis.call('HVALS', KEYS[1])) do
    local position, expires_at = string.match(admission, '(%d+) (%d+)')
    count = count + 1
    sum = sum + position + expires_at % 1000000000
end
return {count, string.format('%.0f', sum)}
