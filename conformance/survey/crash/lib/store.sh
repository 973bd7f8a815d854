# Each key that was there, or was printed, has its value.
for key in k0 $(cat "$TORNPROOF_PRINTED"); do
  found=$(get $key)
  case "$found" in
    *v${key#k}*) ;;
    *"not found"* | *"No such item"* | *"no record"* | "") echo "a printed key is missing"; exit 3 ;;
    *) echo "cannot be read: $(echo "$found" | tail -1)"; exit 2 ;;
  esac
done
