"""One repository a noun: rows in, domain values out. They read and write inside the transaction they are given."""
