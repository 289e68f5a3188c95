# The clients of Debian's Ruby. Each line of stdin is a step, and each line of stdout its
# answer: see the type step of steps_test.go.
require 'json'
require 'jwt'
require 'net/http'
require 'oauth2'
require 'rack/oauth2'
require 'securerandom'
require 'stringio'
require 'googleauth'

GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'.freeze
JSON_TYPE = { 'Content-Type' => 'application/json' }.freeze

def send_with(step, headers)
  Net::HTTP.post(URI(step['url']), step['body'], JSON_TYPE.merge(headers)).code.to_i
end

def private_key(step) = OpenSSL::PKey.read(step['key'])

def subject(step) = step['subject'].empty? ? nil : step['subject']

# parameters are those of a token request that have a value.
def parameters(step)
  { scope: step['scopes']&.join(' '), audience: step['audience'], resource: step['resource'] }
    .reject { |_, value| value.to_s.empty? }
end

# assertion is a JWT that the application makes with ruby-jwt.
def assertion(step)
  now = Time.now.to_i
  claims = { iss: step['id'], sub: step['subject'], aud: step['assertionAudience'],
             jti: SecureRandom.uuid, iat: now, exp: now + 300 }
  JWT.encode(claims, private_key(step), step['algorithm'], { kid: step['keyId'] })
end

class OAuth2Gem
  def initialize(step)
    @step = step
    scheme = { 'basic' => :basic_auth, 'post' => :request_body }[step['method']]
    @client = OAuth2::Client.new(step['id'], step['secret'], token_url: step['tokenUrl'], auth_scheme: scheme || :private_key_jwt)
  end

  def fetch
    @token = if @step['method'] == 'grant'
               @client.assertion.get_token(iss: @step['id'], aud: @step['assertionAudience'], prn: @step['subject'],
                                           exp: Time.now.to_i + 300, private_key: private_key(@step))
             else
               @client.client_credentials.get_token(parameters(@step))
             end
  end

  def deliver = @token.post(@step['url'], body: @step['body'], headers: JSON_TYPE.dup, raise_errors: false).status
end

class RackOAuth2
  METHODS = { 'basic' => :basic, 'basic, raw' => :basic_without_www_form_urlencode, 'post' => :body,
              'assertion' => :jwt_bearer, 'grant' => :body, 'grant, Basic' => :basic }.freeze

  def initialize(step)
    @step = step
    secret = step['secret'] unless step['secret'].empty?
    key = private_key(step) if step['method'] == 'assertion'
    @client = Rack::OAuth2::Client.new(identifier: step['id'], secret: secret, private_key: key, token_endpoint: step['tokenUrl'])
  end

  def fetch
    @client.jwt_bearer = assertion(@step) if @step['method'].start_with?('grant')
    @token = @client.access_token!(METHODS.fetch(@step['method']), parameters(@step))
  end

  def deliver = @token.post(@step['url'], @step['body'], JSON_TYPE).status
end

class SignetGem
  def initialize(step)
    @step = step
    @client = Signet::OAuth2::Client.new(token_credential_uri: step['tokenUrl'], audience: step['assertionAudience'],
                                         issuer: step['id'], sub: subject(step), scope: step['scopes'], signing_key: private_key(step))
  end

  def fetch = @client.fetch_access_token!

  def deliver
    @client.fetch_protected_resource(uri: @step['url'], method: 'POST', body: @step['body'], headers: JSON_TYPE.to_a).status
  rescue Signet::AuthorizationError => e
    e.response.status
  end
end

class GoogleAuth
  def initialize(step)
    @step = step
    account = StringIO.new({ private_key: step['key'], client_email: step['id'], project_id: 'project' }.to_json)
    @credentials = Google::Auth::ServiceAccountCredentials.make_creds(json_key_io: account, scope: step['scopes'])
    @credentials.token_credential_uri = step['tokenUrl']
    @credentials.sub = subject(step)
  end

  def fetch = @credentials.fetch_access_token!

  def deliver
    name, value = @credentials.apply({}).first
    send_with(@step, name.to_s => value)
  end
end

# The application makes its requests, and ruby-jwt the JWT.
class RubyJWT
  def initialize(step)
    @step = step
  end

  def fetch
    @token = assertion(@step)
    return if @step['method'] == 'direct'

    form = if @step['method'] == 'grant'
             { grant_type: GRANT, assertion: @token }
           else
             { grant_type: 'client_credentials', client_assertion: @token,
               client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }
           end
    response = Net::HTTP.post_form(URI(@step['tokenUrl']), form.merge(parameters(@step)))
    answer = JSON.parse(response.body)
    raise answer['error'] if response.code != '200'

    @token = answer['access_token']
  end

  def deliver = send_with(@step, 'Authorization' => "Bearer #{@token}")
end

CLIENTS = { 'ruby oauth2' => [OAuth2Gem, 'oauth2'], 'rack-oauth2' => [RackOAuth2, 'rack-oauth2'], 'signet' => [SignetGem, 'signet'],
            'googleauth' => [GoogleAuth, 'googleauth'], 'ruby-jwt' => [RubyJWT, 'jwt'] }.freeze
client = nil
$stdin.each_line do |line|
  step = JSON.parse(line)
  kind, gem = CLIENTS.fetch(step['client'])
  answer = { version: Gem::Specification.find_by_name(gem).version.to_s }
  begin
    client = kind.new(step) unless step['again']
    client.fetch unless step['again'] == 'message'
    answer[:status] = client.deliver
  rescue StandardError => e
    answer[:error] = "#{e.class}: #{e.message}"
  end
  puts answer.to_json
  $stdout.flush
end
