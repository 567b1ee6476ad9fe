// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Licence, LicenceKind} from "../../../contracts/interfaces/ILicences.sol";
import {Stream} from "../../../contracts/interfaces/IStreams.sol";
import {AncestorRow, Asset, Book, Grant, SlotLib, Turnout} from "../../../contracts/libraries/SlotLib.sol";

/// @title PackingProofs: what is written with one word is read member by member, whatever stood there before.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. Each member comes back, so none can leak into another.
contract PackingProofs {
    using SlotLib for AncestorRow;
    using SlotLib for Asset;
    using SlotLib for Book;
    using SlotLib for Grant;
    using SlotLib for Licence;
    using SlotLib for Stream;
    using SlotLib for Turnout;

    /// @dev A licence whose kind any number may stand for: who calls need not know that there are four.
    struct Terms {
        uint96 price;
        uint32 amount;
        uint32 cap;
        uint32 issued;
        uint16 limit;
        uint8 paymentToken;
        uint8 kind;
        bool open;
        uint24 minimum;
    }

    Licence private _licence;
    Licence private _other;
    Grant private _grant;
    Asset private _asset;
    Book private _book;
    AncestorRow private _row;
    Turnout private _turnout;
    Stream private _stream;

    function testProve_aLicenceComesBackAsItWasWritten(Terms calldata terms, uint256 before) external {
        assembly ("memory-safe") {
            sstore(_licence.slot, before)
        }
        Licence memory licence = _licenceOf(terms);
        _licence.write(licence);
        assert(_licence.price == licence.price);
        assert(_licence.amount == licence.amount);
        assert(_licence.cap == licence.cap);
        assert(_licence.issued == licence.issued);
        assert(_licence.limit == licence.limit);
        assert(_licence.paymentToken == licence.paymentToken);
        assert(_licence.kind == licence.kind);
        assert(_licence.open == licence.open);
        assert(_licence.minimum == licence.minimum);
    }

    /// @notice The word is the one that the compiler would have made.
    function testProve_aLicenceIsTheWordOfTheCompiler(Terms calldata terms) external {
        Licence memory licence = _licenceOf(terms);
        _licence.write(licence);
        _other = licence;
        assert(_word(_slotOfLicence()) == _word(_slotOfOther()));
    }

    /// @notice A change of the price, or of whether it is sold, changes nothing else.
    function testProve_aNewPriceIsNothingElse(Terms calldata terms, uint96 price, bool open) external {
        Licence memory licence = _licenceOf(terms);
        _licence.write(licence);
        (_licence.price, _licence.open) = (price, open);
        assert(_licence.price == price && _licence.open == open);
        assert(_licence.amount == licence.amount && _licence.cap == licence.cap);
        assert(_licence.issued == licence.issued && _licence.limit == licence.limit);
        assert(_licence.paymentToken == licence.paymentToken && _licence.kind == licence.kind);
        assert(_licence.minimum == licence.minimum);
    }

    function testProve_aGrantComesBackAsItWasWritten(Grant calldata held, uint256 before) external {
        assembly ("memory-safe") {
            sstore(_grant.slot, before)
        }
        _grant.write(held);
        assert(_grant.expiresAt == held.expiresAt && _grant.uses == held.uses);
        assert(_grant.taken == held.taken && _grant.held == held.held);
    }

    function testProve_anAssetComesBackAsItWasWritten(Asset calldata asset, uint256 before) external {
        assembly ("memory-safe") {
            sstore(_asset.slot, before)
        }
        _asset.write(asset);
        assert(_asset.owner == asset.owner && _asset.version == asset.version);
        assert(_asset.epoch == asset.epoch && _asset.licenceCount == asset.licenceCount);
        assert(_asset.status == asset.status && _asset.derivativeBps == asset.derivativeBps);
        assert(_asset.royaltyBps == asset.royaltyBps);
    }

    function testProve_aBookComesBackAsItWasWritten(Book calldata book, uint256 before) external {
        assembly ("memory-safe") {
            sstore(_book.slot, before)
        }
        _book.write(book.received, book.parked, book.next);
        assert(_book.received == book.received && _book.parked == book.parked && _book.next == book.next);
    }

    function testProve_aRowOfAncestorsComesBackAsItWasWritten(AncestorRow calldata row, uint256 before)
        external
    {
        assembly ("memory-safe") {
            sstore(_row.slot, before)
        }
        _row.write(row);
        assert(_row.registry == row.registry && _row.assetId == row.assetId);
        assert(_row.royaltyBps == row.royaltyBps && _row.count == row.count);
    }

    function testProve_aTurnoutComesBackAsItWasWritten(Turnout calldata turnout, uint256 before) external {
        assembly ("memory-safe") {
            sstore(_turnout.slot, before)
        }
        _turnout.write(turnout);
        assert(_turnout.votes == turnout.votes && _turnout.quorum == turnout.quorum);
        assert(_turnout.extendedDeadline == turnout.extendedDeadline && _turnout.flags == turnout.flags);
    }

    function testProve_aStreamComesBackAsItWasWritten(Stream calldata stream, uint256 before) external {
        assembly ("memory-safe") {
            sstore(_stream.slot, before)
        }
        _stream.write(stream);
        assert(_stream.start == stream.start && _stream.end == stream.end);
        assert(_stream.settled == stream.settled && _stream.price == stream.price);
        assert(_stream.feeBps == stream.feeBps);
    }

    function refute_aPriceCannotRunOver(Terms calldata terms, uint96 more) external {
        Licence memory licence = _licenceOf(terms);
        _licence.write(licence);
        assembly ("memory-safe") {
            sstore(_licence.slot, add(sload(_licence.slot), more))
        }
        assert(_licence.amount == licence.amount);
    }

    function refute_allKindsAreOne(Terms calldata terms) external {
        _licence.write(_licenceOf(terms));
        assert(_licence.kind == LicenceKind.Hold);
    }

    function _licenceOf(Terms calldata terms) private pure returns (Licence memory) {
        return Licence({
            price: terms.price,
            amount: terms.amount,
            cap: terms.cap,
            issued: terms.issued,
            limit: terms.limit,
            paymentToken: terms.paymentToken,
            kind: LicenceKind(terms.kind % 4),
            open: terms.open,
            minimum: terms.minimum
        });
    }

    function _slotOfLicence() private pure returns (uint256 slot) {
        assembly ("memory-safe") {
            slot := _licence.slot
        }
    }

    function _slotOfOther() private pure returns (uint256 slot) {
        assembly ("memory-safe") {
            slot := _other.slot
        }
    }

    function _word(uint256 slot) private view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(slot)
        }
    }
}
