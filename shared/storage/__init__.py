"""Object storage: one protocol, and one adapter for each kind of store, chosen by URL scheme.

The rest of the project knows only `protocol` and gets a `router.StorageRouter`. The adapters are
`folder` (file://), `gcs` (gs://) and `s3` (s3://). `ranged` reads remote objects in ranges; `urls`
splits and joins object URLs.
"""
