"""Load on a running server, for the rehearsal, the faults and the benchmarks.

fixtures.py creates a sale with its accounts, api_requests.py has the requests of a purchase,
client.py sends them, recorder.py keeps every request with its answer, buyers.py runs many buyers at
once, and guarantees.py counts what the line must keep.
"""
