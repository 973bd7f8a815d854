# The text is the old one or the new one, and the new one if "saved" was printed.
if cmp -s text old; then
  [ -z "$TORNPROOF_LAST" ] || { echo "printed saved, and the text is the old one"; exit 3; }
  exit 0
fi
[ -e text ] || { echo "the text is gone"; exit 4; }
sed s/77/SEVEN/g old | cmp -s - text || { echo "the text is neither old nor new"; exit 2; }
