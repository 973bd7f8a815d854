# A small server of the user postgres, on a socket elsewhere.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
start() {
  socket=$(mktemp -d) && chmod 777 "$socket" && chmod 755 .
  as "$bin/pg_ctl" -s -w -t 20 -D "$PWD/pg" -l $socket/log -o "-k $socket -c listen_addresses='' \
    -c max_wal_senders=0 -c max_connections=8 -c autovacuum=off -c shared_buffers=2MB -c jit=off $1" \
    start > $socket/said 2>&1
}
stop() { as "$bin/pg_ctl" -s -D "$PWD/pg" -m "${1:-immediate}" stop > /dev/null 2>&1; rm -rf $socket; }
sql() { as psql -h $socket -U postgres -d template1 -qAtX -c "$1" 2>&1; }
prepare() {
  mkdir pg && chown postgres pg && chmod 700 pg
  as "$bin/initdb" -D "$PWD/pg" -U postgres -A trust -N --wal-segsize=1 -E UTF8 --locale=C > /dev/null &&
    start && sql 'drop database postgres' &&
    sql "update pg_database set datistemplate = false where datname = 'template0'" &&
    sql 'drop database template0' && # two thirds of the files, of which each image has a copy
    sql 'create table t(k int primary key, v text); insert into t values (0, $$zero$$); checkpoint' &&
    stop fast
}
# The server without clients recovers, answers on its standard output, and ends.
look() {
  said=$(echo "select 'row ' || k || ' ' || (k = 0 or v = repeat(\$\$x\$\$, 500)) from t order by k" |
    as "$bin/postgres" --single -F -j -D "$PWD/pg" -c shared_buffers=2MB -c jit=off template1 2>&1)
  if [ $? != 0 ]; then
    echo "does not start: $(echo "$said" | grep -aE 'FATAL|PANIC' | tail -1 | sed 's/.*\(FATAL\|PANIC\)/\1/')"
    exit 4
  fi
  rows=$(echo "$said" | sed -n 's/.*"row \([0-9]*\) \(.*\)".*/\1-\2/p' | tr '\n' ' ')
  case "0-true 1-true 2-true 3-true " in
    "$rows"*) ;;
    *) echo "the rows are no prefix: $rows"; exit 5 ;;
  esac
  case "$rows" in *"${TORNPROOF_LAST:-0}-true "*) ;; *) echo "a committed row is missing"; exit 3 ;; esac
}
# After a loss of power no server runs, and who knows that removes the file that says one does.
tend() { rm -f pg/postmaster.pid; }
