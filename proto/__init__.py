"""Our own wire contracts: .proto files, and the code that `make proto` generates from them.

certificates  istio.v1.auth.IstioCertificateService, as Istio's agents call it
"""
