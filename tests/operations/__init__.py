"""The staff's tools: audit, settlement, exports, rehearsal."""
