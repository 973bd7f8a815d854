"""
The checker of certificates; of ours it imports the form of a trace and the error types.

- `check_certificate`: follow every decision of a certificate
- `plain_crash`: what one crash may leave, counted and built by plain means
- `plain_disk`: what a trace leaves behind, as one plain list of versions
- `plain_names`: which operations gave names to inodes, read off that list
"""
