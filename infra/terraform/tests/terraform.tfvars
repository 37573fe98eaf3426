# What every test here is given; `terraform test` reads it by itself.
project = "test-project"
region  = "europe-west1"
images = {
  media  = "registry.example/media@sha256:1"
  speech = "registry.example/speech@sha256:2"
}
