"""
Cases: the data needed to show a violation again.

- `case`: the kinds of case, and how each is run
- `phases`: in which phase of a store's life a problem shows
- `exercises`: the exercises of adapters, by name
- `hypothesis_search`: search with Hypothesis, past what is known, and repeat its choices
- `programs`: programs as they are typed on a command line
- `shrinking`: make a case smaller
- `reproducer`: a case as a file
- `promotion`: a case as a frozen vector
"""
