"""One function for each operation of the contract, named for its operationId."""
