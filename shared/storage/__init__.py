"""Object storage: one protocol, and an adapter for each kind of store, chosen by URL scheme.

`protocol` is what the rest of the project sees; `router.StorageRouter` is what is handed to it.
Behind that: `folder` (file://), `gcs` (gs://), `s3` (s3://). `ranged` is the one reader by which
remote objects are read in pieces, `urls` takes object URLs apart and joins them.
"""
