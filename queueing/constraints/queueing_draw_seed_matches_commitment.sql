-- A seed has 32 bytes, and the published commitment is its hash.

ALTER TABLE queueing_draw ADD CONSTRAINT queueing_draw_seed_matches_commitment
    CHECK (octet_length(seed) = 32 AND commitment = encode(sha256(seed), 'hex'));
