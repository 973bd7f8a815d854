using System;
using System.Collections.Generic;

/// <summary>An adapter: it lets Tornproof judge your journal.  Fill in what is marked TODO, from the top.</summary>
public sealed class Adapter : Kit.IJournal
{
    public static void Main()
    {
        Kit.Serve("my journal", "0.1", directory => new Adapter(directory)); // TODO: the name of your journal
    }

    /// <summary>Create the journal in this directory, or open and recover the one that is there.</summary>
    Adapter(string directory)
    {
        throw new NotImplementedException(); // TODO
    }

    /// <summary>
    /// Append a record, and return its offset: any integer that only grows.
    /// If durable, return when the record survives a loss of power.
    /// </summary>
    public long Append(byte[] payload, bool durable)
    {
        throw new NotImplementedException(); // TODO
    }

    /// <summary>Yield offset and payload of each record, from the oldest on.</summary>
    public IEnumerable<KeyValuePair<long, byte[]>> Scan()
    {
        throw new NotImplementedException(); // TODO
    }

    /// <summary>Make everything durable that was appended, and close the journal.</summary>
    public void Close()
    {
        throw new NotImplementedException(); // TODO
    }
}
