// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Licence} from "../interfaces/ILicences.sol";
import {Stream} from "../interfaces/IStreams.sol";
import {CidLib} from "../libraries/CidLib.sol";
import {AncestorRow, Asset, Book, Grant, SlotLib, Turnout} from "../libraries/SlotLib.sol";

/// @title SlotLibHarness: writes each struct with the library and lets the compiler read it back.
contract SlotLibHarness {
    using SlotLib for AncestorRow;
    using SlotLib for Asset;
    using SlotLib for Book;
    using SlotLib for Grant;
    using SlotLib for Licence;
    using SlotLib for Stream;
    using SlotLib for Turnout;

    Asset private _asset;
    Licence private _licence;
    Grant private _grant;
    Book private _book;
    AncestorRow private _row;
    Turnout private _turnout;
    Stream private _stream;

    /// @notice Write an asset.
    function writeAsset(Asset calldata asset) external {
        _asset.write(asset);
    }

    /// @notice Write a licence.
    function writeLicence(Licence calldata licence) external {
        _licence.write(licence);
    }

    /// @notice Write a grant.
    function writeGrant(Grant calldata grant_) external {
        _grant.write(grant_);
    }

    /// @notice Write what a splitter counted.
    function writeBook(Book calldata book) external {
        _book.write(book.received, book.parked, book.next);
    }

    /// @notice Write a row of a table of ancestors.
    function writeRow(AncestorRow calldata row) external {
        _row.write(row);
    }

    /// @notice Write the votes on a proposal.
    function writeTurnout(Turnout calldata turnout) external {
        _turnout.write(turnout);
    }

    /// @notice Write a stream.
    function writeStream(Stream calldata stream) external {
        _stream.write(stream);
    }

    /// @notice All as Solidity reads them.
    function read()
        external
        view
        returns (
            Asset memory,
            Licence memory,
            Grant memory,
            Book memory,
            AncestorRow memory,
            Turnout memory,
            Stream memory
        )
    {
        return (_asset, _licence, _grant, _book, _row, _turnout, _stream);
    }
}

/// @title CidLibHarness: opens the library to tests.
contract CidLibHarness {
    /// @notice The CID of a digest.
    function toText(bytes32 digest) external pure returns (string memory) {
        return CidLib.toText(digest);
    }

    /// @notice The `ipfs://` address of a digest.
    function uri(bytes32 digest) external pure returns (string memory) {
        return CidLib.uri(digest);
    }
}
