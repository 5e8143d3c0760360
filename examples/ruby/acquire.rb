# Prints the request headers that a token of tokend's goes into: ruby -I lib acquire.rb NAME
#
# grpc_tools_ruby_protoc makes what is in lib, see ../README.md.

require "tokend/v1/token_services_pb"

name = ARGV[0] or abort "usage: acquire.rb NAME"
socket = ENV.fetch("TOKEND_SOCKET", "/run/tokend/tokend.sock").delete_prefix("unix://")
tokens = Tokend::V1::TokenService::Stub.new("unix:#{socket}", :this_channel_is_insecure)

begin
  # Long enough for a login at a slow provider.
  request = Tokend::V1::AcquireTokenRequest.new(name: name)
  token = tokens.acquire_token(request, deadline: Time.now + 30).token
rescue GRPC::BadStatus => error
  abort "#{name}: #{error.class.name.split("::").last}: #{error.details}"
end

token.placements.each do |placement|
  puts "#{placement.header}: #{placement.value}" if placement.target == :header
end
