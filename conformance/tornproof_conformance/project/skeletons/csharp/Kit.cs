using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

/// <summary>
/// The adapter's half of the protocol: requests in, replies out, one JSON object a line.
///
/// Leave this file as it is, and fill in Adapter.cs.  The kit keeps a second writer out with a lock
/// on the directory, answers "closed" when nothing is open, and after an append that failed answers
/// "poisoned" until the journal is opened again.  Console.WriteLine goes to standard error.
/// </summary>
public static class Kit
{
    /// <summary>A journal that is open.</summary>
    public interface IJournal
    {
        /// <summary>Append a record, and return its offset when it is durable, if it is to be.</summary>
        long Append(byte[] payload, bool durable);

        /// <summary>Yield each record, from the oldest on.</summary>
        IEnumerable<KeyValuePair<long, byte[]>> Scan();

        void Close();
    }

    /// <summary>An error that the protocol has a code for; nothing was changed.</summary>
    public sealed class Refused : Exception
    {
        public readonly string Code;

        public Refused(string code, string message) : base(message) { Code = code; }
    }

    const int ReadOnly = 0, CreateForWriting = 0x41, CloseOnExec = 0x80000; // of Linux
    const int ExclusiveWithoutWaiting = 2 | 4;

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    static extern int OpenFile(string path, int flags, int mode);

    [DllImport("libc", EntryPoint = "close")]
    static extern int CloseFile(int descriptor);

    [DllImport("libc", EntryPoint = "flock")]
    static extern int LockFile(int descriptor, int operation);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    static extern int SyncFile(int descriptor);

    /// <summary>Make the names in a directory durable: the sync of a file does not cover its name.</summary>
    public static void SyncDirectory(string directory)
    {
        int descriptor = OpenFile(directory, ReadOnly | CloseOnExec, 0);
        int failed = descriptor < 0 ? -1 : SyncFile(descriptor);
        int number = Marshal.GetLastWin32Error();
        if (descriptor >= 0) CloseFile(descriptor);
        if (failed != 0) throw new IOException("cannot sync " + directory + ": errno " + number);
    }

    static Func<string, IJournal> open;
    static IJournal journal;
    static int held = -1;
    static bool poisoned;

    /// <summary>Answer requests until "bye" or the end of the input.</summary>
    public static void Serve(string name, string version, Func<string, IJournal> opening)
    {
        open = opening;
        var replies = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        Console.SetOut(Console.Error);
        var requests = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        string hello = "{\"protocol\":1,\"claims\":[\"journal/core\"],\"implementation\":{\"name\":"
            + Quoted(name) + ",\"version\":" + Quoted(version) + ",\"language\":\"C#\"}}";
        for (string line; (line = requests.ReadLine()) != null;)
        {
            Dictionary<string, string> request = Read(line);
            string op = request["op"], reply;
            try
            {
                string found = op == "hello" ? hello : op == "bye" ? "{}" : CarryOut(op, request);
                reply = found == null ? "\"unsupported\":" + Quoted(op) : "\"ok\":" + found;
            }
            catch (NotImplementedException)
            {
                reply = "\"unsupported\":" + Quoted(op);
            }
            catch (Refused refused)
            {
                reply = Error(refused.Code, "true", refused.Message);
            }
            catch (IOException failed)
            {
                reply = Error(IsFull(failed) ? "no_space" : "io", "false", failed.Message);
            }
            replies.Write("{\"id\":" + request["id"] + "," + reply + "}\n");
            replies.Flush();
            if (op == "bye") break;
        }
        Environment.Exit(0); // threads that a library left behind do not keep the process
    }

    static string CarryOut(string op, Dictionary<string, string> request)
    {
        switch (op)
        {
            case "journal.open": return Open(request["dir"]);
            case "journal.append":
                return Append(Convert.FromBase64String(request["payload"]), !request.ContainsKey("durable") || request["durable"] == "true");
            case "journal.scan": return Scan();
            case "journal.close": return Close();
            default: return null;
        }
    }

    static string Open(string directory)
    {
        if (journal != null) throw new Refused("locked", "a journal is open in this process");
        int descriptor = OpenFile(Path.Combine(directory, "lock"), CreateForWriting | CloseOnExec, 0x1a4);
        if (descriptor < 0) throw new IOException("cannot open the lock in " + directory);
        try
        {
            if (LockFile(descriptor, ExclusiveWithoutWaiting) != 0)
                throw new Refused("locked", "another process writes to " + directory);
            journal = open(directory);
        }
        finally
        {
            if (journal == null) CloseFile(descriptor);
        }
        held = descriptor;
        poisoned = false;
        return "{\"discarded_bytes\":0}";
    }

    static string Append(byte[] payload, bool durable)
    {
        IJournal log = Opened();
        if (poisoned) throw new Refused("poisoned", "an append has failed: open the journal again");
        try
        {
            return "{\"offset\":\"" + log.Append(payload, durable) + "\"}";
        }
        catch (IOException)
        {
            poisoned = true;
            throw;
        }
    }

    static string Scan()
    {
        var records = new StringBuilder();
        foreach (KeyValuePair<long, byte[]> record in Opened().Scan())
        {
            records.Append(records.Length == 0 ? "" : ",");
            records.Append("{\"offset\":\"").Append(record.Key).Append("\",\"payload\":\"");
            records.Append(Convert.ToBase64String(record.Value)).Append("\"}");
        }
        return "{\"records\":[" + records + "],\"end\":\"clean\"}";
    }

    static string Close()
    {
        if (journal == null) return "{}";
        IJournal closing = journal;
        journal = null;
        try
        {
            closing.Close();
        }
        finally
        {
            CloseFile(held);
        }
        return "{}";
    }

    static IJournal Opened()
    {
        if (journal == null) throw new Refused("closed", "no journal is open");
        return journal;
    }

    static bool IsFull(IOException failed)
    {
        return failed.Message.Contains("No space left") || failed.Message.Contains("Disk full");
    }

    // JSON.  Every member that a kit needs has a name of its own, so nesting does not matter.

    static Dictionary<string, string> Read(string line)
    {
        var found = new Dictionary<string, string>();
        for (int at = line.IndexOf('"'); at >= 0; at = line.IndexOf('"', at))
        {
            string key = ReadString(line, ref at);
            while (at < line.Length && " \t:".IndexOf(line[at]) >= 0) at++;
            if (at < line.Length && line[at] == '"')
            {
                found[key] = ReadString(line, ref at);
                continue;
            }
            int end = line.IndexOfAny(new[] { ',', '}', '{', '[' }, at);
            if (end < 0) break;
            found[key] = line.Substring(at, end - at).Trim();
            at = end;
        }
        return found;
    }

    static string ReadString(string line, ref int at)
    {
        var text = new StringBuilder();
        for (at++; line[at] != '"'; at++)
        {
            if (line[at] != '\\')
            {
                text.Append(line[at]);
                continue;
            }
            switch (line[++at])
            {
                case 'n': text.Append('\n'); break;
                case 't': text.Append('\t'); break;
                case 'r': text.Append('\r'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'u':
                    text.Append((char)Convert.ToInt32(line.Substring(at + 1, 4), 16));
                    at += 4;
                    break;
                default: text.Append(line[at]); break;
            }
        }
        at++;
        return text.ToString();
    }

    static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            if (c == '"' || c == '\\') quoted.Append('\\').Append(c);
            else if (c < ' ') quoted.AppendFormat("\\u{0:x4}", (int)c);
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    static string Error(string code, string definite, string message)
    {
        return "\"error\":{\"code\":" + Quoted(code) + ",\"definite\":" + definite + ",\"message\":" + Quoted(message) + "}";
    }
}
