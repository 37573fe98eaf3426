# The variables of every test here. `terraform test` reads this file.
project = "test-project"
region  = "europe-west1"
images = {
  media  = "registry.example/media@sha256:1"
  speech = "registry.example/speech@sha256:2"
}
