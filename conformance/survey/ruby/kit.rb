# Puts a log that nobody here wrote behind the adapter protocol.
#
# An adapter says how to open the log, append, read everything back and close; requests and
# replies, one writer at a time and the words for errors are here.

require "base64"
require "json"

# An error that the protocol has a code for; `definite` if it certainly had no effect.
class Refused < StandardError
  attr_reader :code, :definite

  def initialize(code, message, definite: true)
    super(message)
    @code = code
    @definite = definite
  end
end

# Serves a log; `opening` takes a directory and returns append, records and close.
class Adapter
  def initialize(name, version, &opening)
    @name = name
    @version = version
    @opening = opening
  end

  def serve
    $stdin.each_line do |line|
      request = JSON.parse(line)
      reply = { "id" => request["id"] }.merge(answer(request["op"], request["args"]))
      $stdout.write(JSON.generate(reply) + "\n")
      $stdout.flush
      break if request["op"] == "bye"
    end
  end

  private

  def answer(operation, arguments)
    case operation
    when "hello" then { "ok" => hello }
    when "journal.open" then failing("corrupt") { open(arguments["dir"]) }
    when "journal.append"
      failing("io") { { "offset" => opened.append(Base64.decode64(arguments["payload"])) } }
    when "journal.scan" then failing("corrupt") { scan }
    when "journal.close" then failing("io") { close }
    when "bye" then { "ok" => {} }
    else { "unsupported" => operation }
    end
  end

  def hello
    who = { "name" => @name, "version" => @version, "language" => "Ruby" }
    limits = { "open_returns_everything" => true } # `records` has them all at once, at opening too (REC-9)
    { "protocol" => 1, "implementation" => who, "claims" => ["journal/core"], "limits" => limits }
  end

  # Give whatever a library raises a code of the protocol; nobody knows what it has done.
  def failing(code)
    { "ok" => yield }
  rescue Refused => error
    { "error" => { "code" => error.code, "definite" => error.definite, "message" => error.message } }
  rescue StandardError => error
    warn error.full_message(highlight: false)
    code = "no_space" if error.is_a?(Errno::ENOSPC)
    { "error" => { "code" => code, "definite" => false, "message" => "#{error.class}: #{error.message}" } }
  end

  def open(directory)
    raise Refused.new("locked", "a journal is open here: close it first") if @lock

    @lock = File.open(File.join(directory, "lock"), "w")
    unless @lock.flock(File::LOCK_EX | File::LOCK_NB)
      let_go
      raise Refused.new("locked", "another process writes here")
    end
    begin
      @log = @opening.call(make_place(directory))
      @log.records # what cannot be read has not been recovered
    rescue StandardError
      @log = nil
      let_go
      raise
    end
    { "discarded_bytes" => 0 }
  end

  # Make the log's own directory, and its name durable, which is its user's duty.
  def make_place(directory)
    place = File.join(directory, "log")
    Dir.mkdir(place) unless Dir.exist?(place)
    File.open(directory) { |parent| parent.fsync }
    place
  end

  def opened
    @log || raise(Refused.new("closed", "no journal is open: open one first"))
  end

  def scan
    records = opened.records.map do |number, payload|
      { "offset" => number, "payload" => Base64.strict_encode64(payload) }
    end
    { "records" => records, "end" => "clean" }
  end

  def close
    closing = @log
    @log = nil
    closing&.close
    {}
  ensure
    let_go
  end

  def let_go
    @lock&.close
    @lock = nil
  end
end
