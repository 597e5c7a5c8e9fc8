variable "region" {
  type        = string
  default     = "kr-central-2"
  description = "Where everything is."
}

variable "availability_zones" {
  type        = list(string)
  default     = ["kr-central-2-a", "kr-central-2-b"]
  description = "Of the first VM and of the second; the subnets are in the first."
}

variable "admin_cidr" {
  type        = string
  description = "From where administrators log in, like 203.0.113.7/32. The whole world is refused."
  validation {
    condition     = can(cidrnetmask(var.admin_cidr)) && !endswith(var.admin_cidr, "/0")
    error_message = "Expected an address range that is not the whole world, like 203.0.113.7/32."
  }
}

variable "key_name" {
  type        = string
  description = "Key pair of the VMs."
}

variable "image_id" {
  type        = string
  description = "Image of the VMs: Ubuntu 22.04 or newer, or Debian 12."
}

variable "job_flavor_id" {
  type        = string
  description = "Instance type of the VMs that run the jobs: 2 vCPU, 4 GB."
}

variable "database_flavor_id" {
  type        = string
  default     = null
  description = "Instance type of a VM for MongoDB: 4 vCPU, 8 GB. Without it there is none, and the managed service is used."
}

variable "bucket" {
  type        = string
  default     = "billing-raw-data"
  description = "Bucket of raw documents."
}

variable "bucket_lifecycle" {
  type        = bool
  default     = false
  description = "Whether to set the lifecycle here. It is not known whether Object Storage offers it: costwarden archive lifecycle shows that first."
}
