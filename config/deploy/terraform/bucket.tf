resource "aws_s3_bucket" "raw" {
  bucket = var.bucket
  lifecycle {
    prevent_destroy = true
  }
}

# What `costwarden archive lifecycle` sets as well.
resource "aws_s3_bucket_lifecycle_configuration" "raw" {
  count = var.bucket_lifecycle ? 1 : 0

  bucket = aws_s3_bucket.raw.id
  rule {
    id     = "costwarden-raw"
    status = "Enabled"
    filter {
      prefix = "raw/"
    }
    transition {
      days          = 90
      storage_class = "GLACIER"
    }
    expiration {
      days = 365
    }
  }
}
