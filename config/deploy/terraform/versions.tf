terraform {
  required_version = ">= 1.11"
  required_providers {
    kakaocloud = {
      source  = "kakaoenterprise/kakaocloud"
      version = "~> 0.5"
    }
    # Object Storage speaks S3, and Kakao Cloud's own provider has no bucket.
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

# Credentials: KAKAOCLOUD_APPLICATION_CREDENTIAL_ID and KAKAOCLOUD_APPLICATION_CREDENTIAL_SECRET.
provider "kakaocloud" {}

# Credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, an S3 access key of Object Storage.
provider "aws" {
  region                      = var.region
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  endpoints {
    s3 = "https://objectstorage.${var.region}.kakaocloud.com"
  }
}
