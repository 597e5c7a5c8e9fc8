locals {
  jobs = {
    "billing-job-vm-1" = { subnet_id = kakaocloud_subnet.public.id, zone = var.availability_zones[0] }
    "billing-job-vm-2" = { subnet_id = kakaocloud_subnet.public_standby.id, zone = var.availability_zones[1] }
  }
}

# Two hosts with the same jobs at other minutes: one does the work, the other steps in.
resource "kakaocloud_instance" "job" {
  for_each = local.jobs

  name                    = each.key
  image_id                = var.image_id
  flavor_id               = var.job_flavor_id
  key_name                = var.key_name
  availability_zone       = each.value.zone
  subnets                 = [{ id = each.value.subnet_id }]
  initial_security_groups = [{ name = kakaocloud_security_group.jobs.name }]
  volumes                 = [{ size = 50 }]
}

# The way out to the internet, and in for administrators.
resource "kakaocloud_public_ip" "job" {
  for_each = kakaocloud_instance.job

  description = each.key
  related_resource = {
    device_type = "instance"
    device_id   = each.value.id
    id          = each.value.addresses[0].network_interface_id
  }
}

# Kakao Cloud's managed service is made in the console; with an instance type given, a VM of one's own instead.
resource "kakaocloud_instance" "database" {
  count = var.database_flavor_id == null ? 0 : 1

  name                    = "billing-mongodb"
  image_id                = var.image_id
  flavor_id               = var.database_flavor_id
  key_name                = var.key_name
  availability_zone       = var.availability_zones[0]
  subnets                 = [{ id = kakaocloud_subnet.private.id }]
  initial_security_groups = [{ name = kakaocloud_security_group.database.name }]
  volumes                 = [{ size = 50 }, { size = 200, is_delete_on_termination = false }]
}
