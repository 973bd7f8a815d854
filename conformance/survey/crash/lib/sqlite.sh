# The database is sound, and the row that was printed last is in it.
found=$(sqlite3 d.db 'pragma integrity_check' 2>&1 | head -1)
[ "$found" = ok ] || { echo "integrity: $found"; exit 2; }
[ -z "$TORNPROOF_LAST" ] || [ "$(sqlite3 d.db 'select max(k) from t')" -ge "$TORNPROOF_LAST" ] ||
  { echo "a printed row is missing"; exit 3; }
