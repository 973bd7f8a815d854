"""A table in DuckDB: create it, insert rows, look whether they are there."""

import os
import sys

import duckdb

try:
    connection = duckdb.connect("d.duckdb")
    if sys.argv[1] == "create":
        connection.execute("create table t(k integer, v varchar)")
        connection.execute("insert into t values (0, 'zero')")
    elif sys.argv[1] == "insert":
        for n in 1, 2, 3:
            connection.execute("insert into t values (?, ?)", (n, "x" * 600))
            print(n, flush=True)
            if n == 2:
                connection.execute("checkpoint")
    else:
        rows = [k for (k,) in connection.execute("select k from t order by k").fetchall()]
        if rows != list(range(len(rows))):
            sys.exit("the rows are no prefix")
        if int(os.environ["TORNPROOF_LAST"] or 0) not in rows:
            sys.exit("a printed row is missing")
except duckdb.Error as error:
    sys.exit(f"{type(error).__name__}: {str(error).splitlines()[0][:90]}")
