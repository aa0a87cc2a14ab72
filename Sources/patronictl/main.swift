print("patronictl")
