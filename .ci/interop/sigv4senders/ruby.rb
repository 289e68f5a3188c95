# Sends the requests of stdin with the sender that the argument names.
require 'json'
require 'net/http'

REGION = 'us-east-1'.freeze

def aws_sigv4(p, body)
  require 'aws-sigv4'
  signer = Aws::Sigv4::Signer.new(
    service: p['service'], region: REGION, uri_escape_path: p['service'] != 's3',
    access_key_id: p['accessKeyId'], secret_access_key: p['secretAccessKey'],
    session_token: (p['sessionToken'] unless p['sessionToken'].empty?)
  )
  signed = signer.sign_request(http_method: p['method'], url: "http://#{p['address']}#{p['target']}", headers: p['headers'], body: body)
  request = Net::HTTPGenericRequest.new(p['method'], !body.empty?, true, p['target'])
  p['headers'].merge(signed.headers).each { |name, value| request[name] = value }
  request.body = body unless body.empty?
  host, port = p['address'].split(':')
  Net::HTTP.new(host, port).start { |http| http.request(request) }
end

def faraday(p, body)
  require 'faraday'
  require 'faraday_middleware/aws_sigv4'
  connection = Faraday.new(url: "http://#{p['address']}") do |f|
    f.request :aws_sigv4, service: p['service'], region: REGION, uri_escape_path: p['service'] != 's3',
                          access_key_id: p['accessKeyId'], secret_access_key: p['secretAccessKey'],
                          session_token: (p['sessionToken'] unless p['sessionToken'].empty?)
    f.adapter :net_http
  end
  connection.run_request(p['method'].downcase.to_sym, p['target'], body.empty? ? nil : body, p['headers'])
end

answers = JSON.parse($stdin.read).map do |p|
  body = File.binread(p['body'])
  ARGV[0] == 'faraday_middleware-aws-sigv4' ? faraday(p, body) : aws_sigv4(p, body)
  ''
rescue StandardError => e
  e.inspect
end
puts JSON.generate(answers)
