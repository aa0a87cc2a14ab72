print("patroni")
