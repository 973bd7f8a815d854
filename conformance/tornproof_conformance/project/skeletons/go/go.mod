module durability

go 1.22
