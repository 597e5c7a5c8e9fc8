output "job_addresses" {
  description = "Where to log in."
  value       = { for name, address in kakaocloud_public_ip.job : name => address.public_ip }
}

output "database_security_group" {
  description = "To be given to the managed MongoDB in the console."
  value       = kakaocloud_security_group.database.name
}

output "database_subnet" {
  description = "Where the managed MongoDB is to be made."
  value       = kakaocloud_subnet.private.id
}
