resource "kakaocloud_vpc" "this" {
  name       = "billing-alert-vpc"
  cidr_block = "10.0.0.0/16"
}

resource "kakaocloud_internet_gateway" "this" {
  name = "billing-alert-igw"
}

resource "kakaocloud_internet_gateway_attachment" "this" {
  internet_gateway_id = kakaocloud_internet_gateway.this.id
  vpc_id              = kakaocloud_vpc.this.id
}

resource "kakaocloud_route_table" "public" {
  name   = "billing-alert-public"
  vpc_id = kakaocloud_vpc.this.id
  request_routes = [
    {
      destination = "0.0.0.0/0"
      target_id   = kakaocloud_internet_gateway.this.id
      target_type = "igw"
    },
  ]
  depends_on = [kakaocloud_internet_gateway_attachment.this]
}

# The VMs that run the jobs.
resource "kakaocloud_subnet" "public" {
  name              = "billing-alert-public"
  vpc_id            = kakaocloud_vpc.this.id
  cidr_block        = "10.0.1.0/24"
  availability_zone = var.availability_zones[0]
  route_table_id    = kakaocloud_route_table.public.id
}

# The second VM, elsewhere.
resource "kakaocloud_subnet" "public_standby" {
  name              = "billing-alert-public-standby"
  vpc_id            = kakaocloud_vpc.this.id
  cidr_block        = "10.0.3.0/24"
  availability_zone = var.availability_zones[1]
  route_table_id    = kakaocloud_route_table.public.id
}

# MongoDB.
resource "kakaocloud_subnet" "private" {
  name              = "billing-alert-private"
  vpc_id            = kakaocloud_vpc.this.id
  cidr_block        = "10.0.2.0/24"
  availability_zone = var.availability_zones[0]
  route_table_id    = kakaocloud_route_table.private.id
}

# Without a route to the internet: the provider has no resource for a NAT gateway. Add the gateway and the route in the
# console, or update the VM by way of a NAT instance or a mirror.
resource "kakaocloud_route_table" "private" {
  name   = "billing-alert-private"
  vpc_id = kakaocloud_vpc.this.id
}

resource "kakaocloud_security_group" "jobs" {
  name        = "billing-alert-jobs"
  description = "The VMs that run costwarden"
  rules = [
    {
      direction        = "ingress"
      protocol         = "TCP"
      port_range_min   = "22"
      port_range_max   = "22"
      remote_ip_prefix = var.admin_cidr
      description      = "Administrators"
    },
    {
      direction        = "egress"
      protocol         = "TCP"
      port_range_min   = "443"
      port_range_max   = "443"
      remote_ip_prefix = "0.0.0.0/0"
      description      = "Billing API, Object Storage, Secrets Manager, Alert Center"
    },
    {
      direction        = "egress"
      protocol         = "TCP"
      port_range_min   = "27017"
      port_range_max   = "27017"
      remote_ip_prefix = kakaocloud_subnet.private.cidr_block
      description      = "MongoDB"
    },
    {
      direction        = "egress"
      protocol         = "UDP"
      port_range_min   = "53"
      port_range_max   = "53"
      remote_ip_prefix = kakaocloud_vpc.this.cidr_block
      description      = "Names"
    },
    {
      direction        = "egress"
      protocol         = "UDP"
      port_range_min   = "123"
      port_range_max   = "123"
      remote_ip_prefix = "0.0.0.0/0"
      description      = "Time, which requests are signed with"
    },
  ]
}

resource "kakaocloud_security_group" "database" {
  name        = "billing-alert-database"
  description = "MongoDB"
  rules = [
    {
      direction       = "ingress"
      protocol        = "TCP"
      port_range_min  = "27017"
      port_range_max  = "27017"
      remote_group_id = kakaocloud_security_group.jobs.id
      description     = "The VMs that run costwarden, and nobody else"
    },
  ]
}
