# Varnish in front of a destination. With "pass" nothing is cached, and Host keeps its capitals.
# TLS is not shown.
vcl 4.1;

backend destination {
	.host = "127.0.0.1:8080";
}

sub vcl_recv {
	return (pass);
}
