"""What the benchmarks, the faults and some tests share, and the product does not need.

Load itself (sales, requests, clients, buyers) is in operations/load, because a rehearsal needs it.
"""
