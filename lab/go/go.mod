module sluice/lab

go 1.19
