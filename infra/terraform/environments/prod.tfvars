environment   = "prod"
scale_to_zero = false
max_instances = 20

database = {
  tier                = "db-custom-2-7680"
  disk_gib            = 20
  high_availability   = true
  max_connections     = 600
  retained_backups    = 14
  deletion_protection = true
}
