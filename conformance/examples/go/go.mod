module example.com/clockbound

go 1.19
