"""The staff's tools.

- services/: audit, ledger proof, settlement, exports
- management/commands/: audit, rehearse, settlement, loadsample (the demo's data)
- rehearsal/: an on-sale played against the running server; load/: the buyers it shares with the
  benchmarks and the fault injection
- navigation: the sidebar of the admin; export_admin, settlement_admin: the staff's own pages
"""
