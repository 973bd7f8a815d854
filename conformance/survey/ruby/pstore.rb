# PStore of Ruby's standard library: one key is one record, and one transaction.
# With the argument "ultra_safe" it makes a new file for each, and renames it.

require "pstore"
require_relative "kit"

class PStoreLog
  def initialize(directory)
    @store = PStore.new(File.join(directory, "log.pstore"))
    @store.ultra_safe = ARGV.include?("ultra_safe")
  end

  def append(payload)
    @store.transaction do
      number = (@store.roots.max || -1) + 1
      @store[number] = payload
      number
    end
  end

  def records
    @store.transaction(true) { @store.roots.sort.map { |number| [number, @store[number]] } }
  end

  def close; end
end

Adapter.new("PStore", RUBY_VERSION) { |directory| PStoreLog.new(directory) }.serve
