"""Count the downloads in the logs of a folder with DuckDB's CSV reader; prints the number.

Run by the benchmark in an environment that has DuckDB.
"""

import sys

import duckdb  # type: ignore[import-not-found]  # in the benchmark's own environment

DOWNLOADS = r"""
select count(distinct (addr, path, day)) from (
    select addr, split_part(request, ' ', 2) as path, substr(stamp, 2, 11) as day
    from read_csv(
        ?, delim=' ', quote='"', escape='\', header=false, auto_detect=false, strict_mode=false,
        columns={
            'addr': 'VARCHAR', 'ident': 'VARCHAR', 'name': 'VARCHAR', 'stamp': 'VARCHAR',
            'zone': 'VARCHAR', 'request': 'VARCHAR', 'status': 'VARCHAR', 'bytes': 'VARCHAR',
            'referrer': 'VARCHAR', 'agent': 'VARCHAR'
        }
    )
    where status in ('200', '206') and (request like 'GET %' or request like 'HEAD %')
)
where lower(path) like '%.iso'
"""


def main() -> None:
    (row,) = duckdb.execute(DOWNLOADS, [sys.argv[1] + "/access.log*"]).fetchall()
    print(row[0])


if __name__ == "__main__":
    main()
