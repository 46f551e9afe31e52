"""The staff's tools.

- services/: audit, ledger proof, settlement, exports
- management/commands/: audit, rehearse, settlement, loadsample (the demo's data)
- rehearsal/: an on-sale played against the running server; load/: the buyers it shares with the
  benchmarks and the fault injection
- check_in_views, check_in_words: the page at /door/
- console/: the staff's pages that are no model's list
- navigation: the sidebar of the admin; export_admin, settlement_admin: other pages of the staff
"""
