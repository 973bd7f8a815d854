# YAML::Store of Ruby's standard library: one key is one record, and one transaction.

require "yaml/store"
require_relative "kit"

class YamlLog
  def initialize(directory)
    @store = YAML::Store.new(File.join(directory, "log.yaml"))
  end

  def append(payload)
    @store.transaction do
      number = (@store.roots.max || -1) + 1
      @store[number] = payload.unpack1("H*")
      number
    end
  end

  def records
    @store.transaction(true) do
      @store.roots.sort.map { |number| [number, [@store[number]].pack("H*")] }
    end
  end

  def close; end
end

Adapter.new("YAML::Store", RUBY_VERSION) { |directory| YamlLog.new(directory) }.serve
