"""The staff's use cases: audit, ledger_proof, settlement, exports."""
