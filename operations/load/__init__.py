"""Load on a running server, for the rehearsal, the faults and the benchmarks.

fixtures.py creates a sale with its buyers, requests.py has the requests of a purchase, client.py
sends them, recorder.py keeps every request with its answer, and buyers.py runs many buyers at
once.
"""
